import { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import test from 'ava';
import { createProgressView } from './progress.ts';

class Screen extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 60;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function viewOn(isTTY: boolean) {
  const screen = new Screen(isTTY);
  return { screen, view: createProgressView(screen as unknown as WriteStream) };
}

const clearLine = '\r\u001b[2K';

/** What stands on the last line. */
function lastLine(text: string): string {
  return text.slice(text.lastIndexOf(clearLine) + clearLine.length).replace(/\u001b\[\d+m/g, '');
}

test('a terminal gets a bar that fits its width', (t) => {
  const { screen, view } = viewOn(true);
  view.update(50, 'x'.repeat(200));
  t.regex(lastLine(screen.text), /^█{14}░{14} {2}50% x+$/);
  t.true(lastLine(screen.text).length < screen.columns);
});

test('a note stays, and the bar goes on below it', (t) => {
  const { screen, view } = viewOn(true);
  view.update(25, 'packing');
  view.note('left out: a link');
  t.regex(screen.text, /left out: a link\n/);
  t.regex(lastLine(screen.text), /25% packing$/);
});

test('the bar is gone at the end', (t) => {
  const { screen, view } = viewOn(true);
  view.update(25, 'packing');
  view.end();
  t.is(lastLine(screen.text), '');
});

test('what is no terminal gets a line for each new step, without escape sequences', (t) => {
  const { screen, view } = viewOn(false);
  for (const percent of [1, 2, 3]) view.update(percent, 'packing');
  view.update(40, 'scanning a\u001b[2J\nb');
  view.note('done');
  view.end();
  t.is(screen.text, '[  1%] packing\n[ 40%] scanning a\\x1b[2J\\x0ab\ndone\n');
});
