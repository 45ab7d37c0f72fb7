/** Words that stand where a secret would. */
const placeholderWords =
  /example|sample|dummy|placeholder|change.?(?:me|it|this)|replace.?(?:me|this|with)|your[-_ ]|[-_ <]your|insert[-_ ]|redacted|censored|<[^>]*>|x{4}|\*{3}|\.{3}|…|0{8}|fake|mock|todo|not.?a.?(?:real|secret)|deadbeef|lorem|(?:^|[^a-z])(?:test|foo|bar|demo|none|null|undefined|true|false)(?:$|[^a-z])/i;

/** `${X}`, `{{ x }}`, `$(x)`, `%(x)s`, `%X%`, `#{x}`, `$X`: the value comes from elsewhere. */
const reference = /\$\{|\{\{|\$\(|%\(\w|^%\w+%$|#\{|^\$\w|^<%|^@\w+@$|^!\w/;

/** What developers' machines and manuals use, and attackers try first: a finding of it tells nobody anything. */
const wellKnown =
  /^(?:pass(?:word|wd|wort)?|pwd|pw|secret|token|key|admin|root|user(?:name)?|guest|postgres(?:ql)?|mysql|mariadb|mongo|redis|rabbitmq|minio(?:admin)?|sa|app|web|dev|local(?:host)?|qwerty|letmein|welcome|hunter2|abc|string|value|foo|bar|baz)[\d!@#._-]{0,5}$/i;

/** `somepassword`, `passwordhere`: words about a password. */
const aboutPasswords = /^[a-z]*pass(?:word|wd|phrase)?[a-z]*$/i;

/** Whether the value refers to one kept elsewhere rather than being one. */
export function isReference(value: string): boolean {
  return reference.test(value);
}

/** Whether somebody put the value there to be replaced, for a credential with a form of its own. */
export function isPlaceholder(value: string): boolean {
  return placeholderWords.test(value) || hasTooFewCharacters(value) || longestSequence(value) >= 8;
}

/** Stricter, for a password of which nothing but its place is known. */
export function isWeakOrPlaceholderPassword(value: string): boolean {
  return (
    isReference(value) ||
    placeholderWords.test(value) ||
    wellKnown.test(value) ||
    aboutPasswords.test(value) ||
    new Set(value).size < 4 ||
    longestSequence(value) >= 6
  );
}

/** Shannon entropy in bits a character. */
export function entropyOf(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / value.length) * Math.log2(count / value.length);
  return entropy;
}

/** 24 random characters of even the smallest alphabet in use, hexadecimal, hold 8 different ones but for one case in ten thousand. */
function hasTooFewCharacters(value: string): boolean {
  return value.length >= 24 && new Set(value).size < 8;
}

/** The longest run in which each character follows the one before it, as in `12345678` or `abcdefgh`. */
function longestSequence(value: string): number {
  let longest = 1;
  let current = 1;
  for (let index = 1; index < value.length; index += 1) {
    current = value.charCodeAt(index) === value.charCodeAt(index - 1) + 1 ? current + 1 : 1;
    longest = Math.max(longest, current);
  }
  return longest;
}
