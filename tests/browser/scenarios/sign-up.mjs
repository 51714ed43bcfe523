// A third-party action is added to a pipeline and changed, from the console's button to the console's confirmation, by
// people with a mouse, without scripts, and by some who mean no good.
import {address, assert, inspect, scenario} from '../browser.mjs';

const pages = {
  console: (action, extra = {}) => `${address('CONSOLE_URL')}?${new URLSearchParams(
      {pipeline: address('PIPELINE'), stage: 'Test', action, type: address('ACTION_TYPE'), ...extra})}`,
  signUp: address('SIGN_UP_URL'),
};

// What the console sent to the sign-up page.
async function connect(page, action, extra) {
  await page.goto(pages.console(action, extra));
  const asked = page.waitForRequest(request => request.url().startsWith(pages.signUp));
  await page.getByRole('button', {name: 'Connect'}).click();
  const request = await asked;
  const form = new URLSearchParams(request.postData() ?? '');
  const json = new URL(request.url()).searchParams.get('request') ?? form.get('request');
  return JSON.parse(json);
}

const configuration = page => page.locator('dd').allTextContents();

await scenario(async visit => {
  const page = await (await visit()).page();

  // New: the address has nothing of what was sent, the form is for this action.
  const asked = await connect(page, 'Load');
  assert.match(page.url(), /\?id=[\w-]{22}$/);
  assert.equal(await page.getByRole('heading', {level: 1}).textContent(), 'Connect to LoadTest');
  assert.deepEqual((await page.locator('dd').allTextContents()).slice(0, 3), [address('PIPELINE'), 'Test', 'Load']);
  assert(!(await page.content()).includes(asked.clientToken));
  await inspect(page, 'new');

  // What is missing is said beside its field; what was filled in stays.
  await page.getByLabel('Preset').fill('   ');
  await page.getByLabel('ApiKey').fill('key-of-the-person');
  await page.getByLabel('Label (optional)').fill('"><script>alert(1)</script>');
  await page.getByRole('button', {name: /Connect/}).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByLabel('Preset').getAttribute('aria-invalid'), 'true');
  assert.equal(await page.getByLabel('Label (optional)').inputValue(), '"><script>alert(1)</script>');
  await inspect(page, 'problem');

  await page.getByLabel('Preset').fill('short test');
  await page.getByLabel('ApiKey').fill('key-of-the-person');
  await page.getByRole('button', {name: /Connect/}).click();
  await page.getByRole('heading', {name: 'Action saved'}).waitFor();
  assert.deepEqual(await configuration(page), ['short test', 'key-of-the-person', '"><script>alert(1)</script>']);

  // Once: neither the same request nor the form of before do anything now.
  const replay = `${pages.signUp}?${new URLSearchParams({request: JSON.stringify(asked)})}`;
  assert.equal((await page.goto(replay)).status(), 409);
  await page.getByText('This sign-up was finished before').waitFor();
  await inspect(page, 'replayed');

  // Changed: filled in but for what is secret, which stays when nothing is said.
  const changed = await connect(page, 'Load');
  assert.equal(changed.clientId, asked.clientId);
  assert.equal(await page.getByRole('heading', {level: 1}).textContent(), 'Change the settings of LoadTest');
  assert.equal(await page.getByLabel('Preset').inputValue(), 'short test');
  assert.equal(await page.getByLabel('ApiKey').inputValue(), '');
  assert(!(await page.content()).includes('key-of-the-person'));
  await inspect(page, 'changed');
  await page.getByLabel('Preset').fill('Übergröße & co');
  await page.getByLabel('Label (optional)').fill('');
  await page.getByRole('button', {name: /Save/}).click();
  await page.getByRole('heading', {name: 'Action saved'}).waitFor();
  assert.deepEqual(await configuration(page), ['Übergröße & co', 'key-of-the-person']);

  // Without scripts, with the request in the body and in the address of a GET.
  for (const place of ['body', 'get']) {
    const plain = await (await visit({javaScriptEnabled: false})).page();
    await connect(plain, `Plain-${place}`, {place});
    await plain.getByLabel('Preset').fill('plain');
    await plain.getByLabel('ApiKey').fill('k');
    await plain.getByRole('button', {name: /Connect/}).click();
    await plain.getByRole('heading', {name: 'Action saved'}).waitFor();
  }

  // The form belongs to the browser that the console sent: elsewhere its address opens nothing.
  await connect(page, 'Other');
  const elsewhere = await (await visit()).page();
  assert.equal((await elsewhere.goto(page.url())).status(), 410);

  // Another site's page can neither send the form nor show it.
  const hidden = await page.locator('form').evaluate(form => Object.fromEntries(new FormData(form)));
  const hostile = await visit();
  await hostile.context.addCookies(await page.context().cookies());
  const trap = await hostile.page();
  await trap.goto(address('CONSOLE_URL').replace('/console', '/health'));
  const sent = trap.waitForResponse(response => response.request().method() === 'POST');
  await trap.evaluate(({action, fields}) => {
    const form = document.createElement('form');
    form.method = 'post';
    form.action = action;
    for (const [name, value] of Object.entries({...fields, 'property-Preset': 'x', 'property-ApiKey': 'x'})) {
      form.append(Object.assign(document.createElement('input'), {name, value}));
    }
    document.body.append(form);
    form.submit();
  }, {action: pages.signUp, fields: hidden});
  assert.equal((await sent).status(), 403);
  const frame = await hostile.page();
  await frame.goto(address('CONSOLE_URL').replace('/console', '/health'));
  const framed = frame.waitForResponse(response => response.url().startsWith(pages.signUp));
  await frame.evaluate(address => {
    document.body.append(Object.assign(document.createElement('iframe'), {src: address}));
  }, page.url());
  assert.equal((await framed).status(), 403);
  hostile.takeComplaints();

  return asked;
});
