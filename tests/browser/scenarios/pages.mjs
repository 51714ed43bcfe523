// Somebody asks why a push did not start a pipeline: signs in, finds it, sees why, tries another query, redelivers, and
// watches the job. With the keyboard alone; then every page as all kinds of people see it, and names made to do harm.
import {address, assert, inspect, scenario} from '../browser.mjs';

await scenario(async visit => {
  const server = address('PENSTOCK_URL');
  const hostile = address('HOSTILE_DELIVERY');
  const failed = address('FAILED_JOB');
  const visitor = await visit();
  const page = await visitor.page();
  page.on('dialog', dialog => {
    visitor.complaints.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation',
    event => console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`)));

  // Tab until what has the focus fits, as somebody without a mouse does. The focus must be seen wherever it is.
  const tabTo = async wanted => {
    for (let step = 0; step < 80; ++step) {
      await page.keyboard.press('Tab');
      const [name, outlined] = await page.evaluate(() => {
        const element = document.activeElement;
        const label = element.labels?.[0]?.textContent ?? element.textContent ?? '';
        return [label.trim(), getComputedStyle(element).outlineStyle !== 'none' || element === document.body];
      });
      assert(outlined, `the focus on "${name}" cannot be seen`);
      if (wanted.test(name)) return;
    }
    assert.fail(`no way to ${wanted} by the keyboard on ${page.url()}`);
  };
  const enter = () => page.keyboard.press('Enter');

  await page.goto(server + '/deliveries');
  await inspect(page, 'sign-in');
  await page.reload();
  await tabTo(/^Sign in with/);
  await enter();
  await page.waitForURL(/authorize/);
  await tabTo(/^ann$/);
  await enter();
  await page.waitForURL(server + '/deliveries');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');

  await tabTo(/^Repository$/);
  await page.keyboard.type('docs-site');
  await enter();
  await page.waitForURL(/repository=docs-site/);
  await tabTo(/^docs-site$/);
  await enter();
  await page.waitForURL(/\/deliveries\/[0-9a-f-]{36}$/);
  const main = page.locator('main');
  assert.match(await main.textContent(), /not matched/);
  assert.match(await main.textContent(), /refs\/heads\/topic/);
  assert.match(await page.locator('.decision tbody').first().textContent(), /failed.*refs\/heads\/main.*refs\/heads\/topic/s);
  await inspect(page, 'delivery');

  await page.locator('h1').click();
  await tabTo(/^Query on the stored body/);
  await page.keyboard.press('Control+a');
  await page.keyboard.type('$.resource.pushedBy.displayName');
  await enter();
  await page.locator('#try').getByText('"Ada Lindqvist"').waitFor();
  assert.match(page.url(), /jsonPath=/);
  await tabTo(/^Try$/);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('$.[');
  await enter();
  await page.locator('#try').getByText(/column \d+/).waitFor();
  await inspect(page, 'jsonpath');

  // Redelivered, and on to what became of it.
  await page.goto(server + '/deliveries?repository=shop');
  await tabTo(/^shop$/);
  await enter();
  await page.waitForURL(/\/deliveries\/[0-9a-f-]{36}$/);
  await tabTo(/^Redeliver$/);
  await enter();
  await page.waitForURL(/done=redelivered/);
  const link = page.getByRole('link', {name: 'Source', exact: true});
  for (let tries = 0; tries < 100 && await link.count() === 0; ++tries) {
    await page.waitForTimeout(300);
    await page.reload();
  }
  await tabTo(/^Source$/);
  await enter();
  await page.waitForURL(/\/jobs\//);
  await page.getByText(/uploaded to s3/).waitFor();
  await page.locator('.badge', {hasText: 'succeeded'}).waitFor();
  await page.reload();
  await inspect(page, 'job');

  for (const [name, path] of Object.entries({
    overview: '/', 'overview-30d': '/?period=30d', deliveries: '/deliveries', jobs: '/jobs', 'failed-job': `/jobs/${failed}`,
    nothing: '/deliveries?repository=nothing', 'not-found': '/deliveries/nothing', wrong: '/deliveries?outcome=nothing',
    hostile: `/deliveries/${hostile}?compare=now&jsonPath=%24..name`, signing: '/sign-in',
  })) {
    await page.goto(server + path);
    await inspect(page, name);
  }

  // A list that goes on by itself says so, and can be stopped.
  await page.goto(server + '/deliveries');
  await page.getByRole('button', {name: 'Live: pause'}).waitFor();
  await page.getByRole('button', {name: 'Live: pause'}).click();
  await page.getByRole('button', {name: 'Paused: follow again'}).waitFor();
  await page.getByRole('button', {name: 'Sign out'}).click();
  await page.waitForURL(/sign-in/);
  await page.goto(server + '/jobs');
  assert.match(page.url(), /sign-in/);

  // Everything can be read without scripts.
  const plain = await (await visit({javaScriptEnabled: false})).page();
  await plain.goto(server + '/deliveries');
  await plain.getByRole('link', {name: /^Sign in with/}).click();
  await plain.getByRole('link', {name: 'bob'}).click();
  await plain.getByRole('link', {name: 'docs-site'}).first().click();
  assert.match(await plain.locator('main').textContent(), /not matched/);
  await plain.getByLabel('Query on the stored body').fill('$.eventType');
  await plain.getByRole('button', {name: 'Try'}).click();
  assert.match(await plain.locator('#try').textContent(), /git\.push/);
  assert.equal(await plain.getByRole('button', {name: 'Redeliver'}).count(), 0);

  // No other site's page can hold one of ours.
  const outsider = await visit();
  const outside = await outsider.page();
  const refused = outside.waitForEvent('requestfailed');
  await outside.setContent(`<iframe src="${server}/sign-in"></iframe>`);
  assert.equal((await refused).failure().errorText, 'net::ERR_BLOCKED_BY_RESPONSE');
  outsider.takeComplaints();
  return {pages: 'seen'};
});
