import test from 'ava';
import { attachmentDisposition } from './content-disposition.ts';

const cases: readonly (readonly [filename: string, expected: string])[] = [
  ['report.pdf', `attachment; filename="report.pdf"; filename*=UTF-8''report.pdf`],
  ['naïve – ☃.zip', `attachment; filename="na_ve _ _.zip"; filename*=UTF-8''na%C3%AFve%20%E2%80%93%20%E2%98%83.zip`],
  ['a"b\\c.txt', `attachment; filename="a_b_c.txt"; filename*=UTF-8''a%22b_c.txt`],
  ["it's (1)*.txt", `attachment; filename="it's (1)_.txt"; filename*=UTF-8''it%27s%20%281%29_.txt`],
  ['../../etc/passwd', `attachment; filename="_.._etc_passwd"; filename*=UTF-8''_.._etc_passwd`],
  ['x\r\nSet-Cookie: a=b', `attachment; filename="xSet-Cookie_ a=b"; filename*=UTF-8''xSet-Cookie_%20a%3Db`],
  ['invoice\u202Efdp.exe', `attachment; filename="invoicefdp.exe"; filename*=UTF-8''invoicefdp.exe`],
  ['.htaccess', `attachment; filename="htaccess"; filename*=UTF-8''htaccess`],
  ['100%41.txt', `attachment; filename="100_41.txt"; filename*=UTF-8''100%2541.txt`],
  ['', `attachment; filename="download"; filename*=UTF-8''download`],
  ['...', `attachment; filename="download"; filename*=UTF-8''download`],
  ['\uD800', `attachment; filename="_"; filename*=UTF-8''%EF%BF%BD`],
];

for (const [filename, expected] of cases) {
  test(`makes ${JSON.stringify(filename)} harmless`, (t) => {
    t.is(attachmentDisposition(filename), expected);
  });
}

test('cuts a long name without cutting a character in two', (t) => {
  const disposition = attachmentDisposition('😀'.repeat(500));
  t.is(disposition.split("''")[1], encodeURIComponent('😀'.repeat(200)));
});
