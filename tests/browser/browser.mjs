// What the scenarios share: a browser, pages that are watched for errors, pictures, and accessibility checks.
//
// A scenario is a program in scenarios/. tests/e2e starts the servers and runs it with their addresses in its environment
// (see tests/e2e/support/browser.py); it ends with 0 after all it claims held, and what it returns is printed as JSON.
import assert from 'node:assert/strict';
import {mkdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {chromium} from 'playwright-core';

export {assert};

const patience = Number(process.env.PATIENCE_MS ?? 60000);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screenshots = process.env.SCREENSHOTS;

export function address(name) {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

// Sizes that people have: a laptop and a small phone.
export const sizes = {wide: {width: 1280, height: 800}, phone: {width: 360, height: 740}};

export class Visitor {
  constructor(context) {
    this.context = context;
    this.complaints = [];
    context.on('page', page => this.#watch(page));
  }

  #watch(page) {
    page.setDefaultTimeout(patience);
    page.on('pageerror', error => this.complaints.push(`${page.url()}: ${error}`));
    page.on('console', message => {
      // A refused status is the business of the scenario, which asked for it.
      const refused = message.text().startsWith('Failed to load resource: the server responded with a status of');
      if (['error', 'warning'].includes(message.type()) && !refused) this.complaints.push(`${page.url()}: ${message.text()}`);
    });
    // Nothing of a page may come from elsewhere.
    page.on('requestfailed', request => this.complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  }

  page() {
    return this.context.newPage();
  }

  // What a browser complained about so far, which a scenario that provokes something takes for itself.
  takeComplaints() {
    return this.complaints.splice(0);
  }
}

// Automated rules find what is broken for certain: names, contrast, order of headings, language.
export async function assertAccessible(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run({resultTypes: ['violations']}));
  const found = result.violations.map(rule => `${rule.id} (${rule.help}): ${rule.nodes.map(node => node.html).join(' ; ')}`);
  assert.deepEqual(found, [], `accessibility of ${page.url()}`);
}

export async function assertFitsWidth(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, globalThis.innerWidth]);
  assert(content <= window, `${page.url()} is ${content} pixels wide in a window of ${window}`);
}

export async function picture(page, name) {
  if (!screenshots) return;
  mkdirSync(screenshots, {recursive: true});
  await page.screenshot({path: join(screenshots, `${name}.png`), fullPage: true});
}

// The page as all kinds of people see it: light and dark, on a laptop and on a phone; accessible and complete in each.
export async function inspect(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({colorScheme, reducedMotion: 'reduce'});
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      await assertAccessible(page);
      await assertFitsWidth(page);
      await picture(page, `${name}-${colorScheme}-${size}`);
    }
  }
  await page.emulateMedia({colorScheme: 'light'});
  await page.setViewportSize(sizes.wide);
}

// scenario(async visit => …): `await visit()` gives a Visitor with cookies of its own; options are those of playwright's
// newContext, such as {javaScriptEnabled: false}.
export async function scenario(run) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: process.getuid() !== 0,
    timeout: patience,
    // The keys of the servers under test, whose certificates are of an authority of this run.
    args: ['--disable-dev-shm-usage', `--ignore-certificate-errors-spki-list=${process.env.TRUSTED_KEYS ?? ''}`],
  });
  const visitors = [];
  try {
    const result = await run(async (options = {}) => {
      const context = await browser.newContext({viewport: sizes.wide, locale: 'en-GB', timezoneId: 'UTC', ...options});
      const visitor = new Visitor(context);
      visitors.push(visitor);
      return visitor;
    });
    assert.deepEqual(visitors.flatMap(visitor => visitor.complaints), [], 'what the browser complained about');
    process.stdout.write(JSON.stringify(result ?? null) + '\n');
  } catch (error) {
    let number = 0;
    for (const page of visitors.flatMap(visitor => visitor.context.pages())) {
      process.stderr.write(`page ${number}: ${page.url()}\n`);
      await picture(page, `failure-${number++}`).catch(() => {});
    }
    process.stderr.write(`${visitors.flatMap(visitor => visitor.complaints).join('\n')}\n${error.stack ?? error}\n`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
