import { entropyOf, isWeakOrPlaceholderPassword } from './placeholders.ts';

/** A secret's place in the text: the end is exclusive. */
export interface SecretRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A name that ends in a telling word, an assignment, a value: `DB_PASSWORD=…`, `"apiKey": "…"`, `client_secret => '…'`,
 * `const signingKey: string = "…"`. What follows the word decides whether the name means the secret or something about it
 * (`password_field`, `token_url`).
 */
const assignment =
  /(?<word>passw(?:or)?d|passphrase|pwd|secret(?:[_-]?key)?|token|api[_-]?key|(?:access|auth|account|encryption|signing|private|shared|master|storage|service)[_-]?key|credentials?)(?<suffix>[_-]?(?:base64|b64|value|string|prod(?:uction)?|live|staging|dev|[a-z]{0,3}\d{0,2}))?["'`]?\]?\s{0,4}(?::\s?(?:string|str|String|&str|&'static str|Secret)\s{0,4})?(?:=>|:=|=(?!=|~)|:(?!:))\s{0,4}(?:[bfru]{1,2}(?=["'])|@(?="))?(?:(?<quote>["'`])(?<quoted>[^"'`\r\n]{8,256})\k<quote>|(?<bare>[^\s"'`,;(){}[\]<>|&]{8,256})(?=[\s,;]|$))/gim;

/** Files in which a value needs no quotes. Elsewhere a bare word is a name. */
const configurationFile =
  /(?:^|\/)(?:\.?env(?:\.[\w.-]+)?|[\w.-]*\.env|\.npmrc|\.pypirc|\.netrc|credentials|config|Dockerfile[\w.-]*|[\w.-]+\.(?:properties|ini|cfg|conf|cnf|config|ya?ml|toml|tfvars|sh|bash|zsh|envrc))$/i;

/** Identifiers, paths, sentences, types and the like, none of which is a secret. */
const notASecret = [
  /^[a-zA-Z]+(?:[-_.:/ ][a-zA-Z]+)*[-_.:/]?\d{0,2}$/,
  /^(?:https?:)?\/\//,
  /^(?:\.{0,2}|~|[a-zA-Z]:)?[\\/][\w./\\-]*$/,
  /^[\w.-]+\.(?:[jt]sx?|json|ya?ml|pem|key|crt|txt|md|html?|py|go|java|rb|php|env)$/i,
  /^(?:process|os|env|config|settings|self|this|ctx|context|request|req|params|props|options|opts|args|data|state|vars?|local|module|ENV)[.[]/,
  /^(?:sha(?:1|256|384|512)[-:]|md5:|\$2[aby]\$|\$argon2|\$pbkdf2|pbkdf2|ssh-(?:rsa|ed25519) |data:|arn:|urn:|vault:|op:\/\/|secretsmanager|ref\+)/i,
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^\d{4}-\d{2}-\d{2}/,
  /^[\d.,:_-]+$/,
  /\s.*\s/,
  /[^\x20-\x7e]/,
  /^ENC[([]/,
];

/** Secrets that only their name gives away. Low noise rather than high recall: forms of their own are what patterns are for. */
export function* assignedSecrets(text: string, path: string): Generator<SecretRange, void> {
  const bareValues = configurationFile.test(path);
  for (const match of text.matchAll(assignment)) {
    const { word, quoted, bare } = match.groups as Record<string, string | undefined>;
    if (quoted === undefined && !bareValues) continue;
    const value = (quoted ?? bare)!;
    // `AWS::ApiGateway::ApiKey` is the name of a type.
    if (/::\w*$/.test(text.slice(Math.max(0, match.index - 40), match.index))) continue;
    if (!looksSecret(value, /^pass|^pwd/i.test(word!))) continue;
    const start = match.index + match[0].lastIndexOf(value);
    yield { start, end: start + value.length };
  }
}

/**
 * Passwords are short and made by people: three kinds of characters will do. A key or token is long, and random: letters and
 * digits mixed, with more entropy a character than words have.
 */
function looksSecret(value: string, isPassword: boolean): boolean {
  if (notASecret.some((pattern) => pattern.test(value)) || isWeakOrPlaceholderPassword(value)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(value)).length;
  if (isPassword) return kinds >= 3 || (kinds === 2 && /\d/.test(value) && entropyOf(value) >= 3);
  const isHexadecimal = /^[0-9a-f]+$/i.test(value);
  return (
    value.length >= (isHexadecimal ? 20 : 16) && /\d/.test(value) && /[a-zA-Z]/.test(value) && entropyOf(value) >= (isHexadecimal ? 3 : 3.5)
  );
}
