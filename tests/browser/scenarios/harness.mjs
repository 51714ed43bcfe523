// That the browser is one, trusts the server under test and nobody else, and that its complaints are heard.
import {address, assert, assertAccessible, scenario} from '../browser.mjs';

await scenario(async visit => {
  const server = address('PENSTOCK_URL');
  const visitor = await visit();
  const page = await visitor.page();
  const answer = await page.goto(`${server}/healthz`);
  assert.equal(answer.status(), 200);

  await assert.rejects(page.goto(address('STRANGER_URL')), /ERR_CERT_AUTHORITY_INVALID/);
  assert.equal(visitor.takeComplaints().length, 1);

  const broken = await visitor.page();
  await broken.setContent('<html lang="en"><title>t</title><main><h1>Form</h1><input></main></html>');
  await assert.rejects(assertAccessible(broken), /label/);

  const plain = await (await visit({javaScriptEnabled: false})).page();
  await plain.goto(`data:text/html,<p>before</p><script>document.body.textContent='after'</script>`);
  assert.equal(await plain.locator('p').textContent(), 'before');
  return {browser: await page.evaluate(() => navigator.userAgent)};
});
