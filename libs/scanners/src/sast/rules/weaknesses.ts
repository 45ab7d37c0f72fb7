import type { Weakness } from '../rule.ts';

function cheatSheet(name: string): readonly string[] {
  return [`https://cheatsheetseries.owasp.org/cheatsheets/${name}_Cheat_Sheet.html`];
}

export const sqlInjection: Weakness = {
  cwe: 'CWE-89',
  owasp: 'A03',
  title: 'SQL statement built from values',
  message:
    'A value becomes part of the SQL text itself. Whoever controls it can end the intended statement and read, change or delete any data that this database user reaches.',
  references: cheatSheet('SQL_Injection_Prevention'),
};

export const nosqlInjection: Weakness = {
  cwe: 'CWE-943',
  owasp: 'A03',
  title: 'Request data used as a database query',
  message:
    'A JSON body or a query string can hold objects where a text is expected. An object such as {"$ne": null} turns the comparison into an operator, which passes a login or returns the records of others.',
  references: cheatSheet('Injection_Prevention'),
};

export const commandInjection: Weakness = {
  cwe: 'CWE-78',
  owasp: 'A03',
  title: 'Shell command built from values',
  message:
    'The command runs in a shell, or names its program by a value from outside. Characters such as ; | $( ) in the value start further commands with the rights of this process.',
  references: cheatSheet('OS_Command_Injection_Defense'),
};

export const codeInjection: Weakness = {
  cwe: 'CWE-95',
  owasp: 'A03',
  title: 'Text run as code',
  message: 'The text is compiled and run with all rights of this process. If any part of it comes from outside, so does the program.',
  references: cheatSheet('Injection_Prevention'),
};

export const expressionInjection: Weakness = {
  cwe: 'CWE-917',
  owasp: 'A03',
  title: 'Text run as an expression or script',
  message:
    'Expression languages and script engines can reach classes and start processes. An expression that holds a value from outside lets its author run code here.',
  references: cheatSheet('Injection_Prevention'),
};

export const templateInjection: Weakness = {
  cwe: 'CWE-1336',
  owasp: 'A03',
  title: 'Template built from values',
  message:
    'The value becomes part of the template, not of its data. A template expression in it is evaluated on the server, which leads to reading secrets and running code.',
  references: cheatSheet('Injection_Prevention'),
};

export const domXss: Weakness = {
  cwe: 'CWE-79',
  owasp: 'A03',
  title: 'Value written into the page as HTML',
  message: 'The value is parsed as HTML. Markup in it runs script in the visitor’s session, which can act and read as that visitor.',
  references: cheatSheet('DOM_based_XSS_Prevention'),
};

export const reflectedXss: Weakness = {
  cwe: 'CWE-79',
  owasp: 'A03',
  title: 'Request data sent back as HTML',
  message:
    'What the request says is written into the answer unescaped. A link with script in it runs that script in the session of whoever opens it.',
  references: cheatSheet('Cross_Site_Scripting_Prevention'),
};

export const escapingOff: Weakness = {
  cwe: 'CWE-116',
  owasp: 'A03',
  title: 'Template escaping switched off',
  message:
    'Without escaping, each value in each template is written as HTML. One value from outside is enough for script in the pages of others.',
  references: cheatSheet('Cross_Site_Scripting_Prevention'),
};

export const ldapInjection: Weakness = {
  cwe: 'CWE-90',
  owasp: 'A03',
  title: 'LDAP filter built from values',
  message:
    'Parentheses and asterisks in the value change the filter, so that a login matches any user or a search returns the whole directory.',
  references: cheatSheet('LDAP_Injection_Prevention'),
};

export const xpathInjection: Weakness = {
  cwe: 'CWE-643',
  owasp: 'A03',
  title: 'XPath expression built from values',
  message:
    'A quote in the value ends the intended literal, and the rest of it selects other nodes: other users’ records, or a login that always matches.',
  references: ['https://owasp.org/www-community/attacks/XPATH_Injection'],
};

export const regexInjection: Weakness = {
  cwe: 'CWE-1333',
  owasp: 'A03',
  title: 'Regular expression from a request',
  message:
    'A pattern with nested repetition takes exponential time on a short text. One request with such a pattern keeps the process busy for minutes.',
  references: ['https://owasp.org/www-community/attacks/Regular_expression_Denial_of_Service_-_ReDoS'],
};

export const pathTraversal: Weakness = {
  cwe: 'CWE-22',
  owasp: 'A01',
  title: 'File path from a request',
  message: 'With ../ in it, or an absolute path, the value leads out of the intended folder to configuration, keys or the data of others.',
  references: ['https://owasp.org/www-community/attacks/Path_Traversal'],
};

export const archiveTraversal: Weakness = {
  cwe: 'CWE-22',
  owasp: 'A01',
  title: 'Archive unpacked without a check of its paths',
  message:
    'A member of the archive may be called ../../x or be a link. Unpacking it writes outside of the target folder, for example over code that runs next.',
  references: ['https://docs.python.org/3/library/tarfile.html#extraction-filters'],
};

export const openRedirect: Weakness = {
  cwe: 'CWE-601',
  owasp: 'A01',
  title: 'Redirect to where the request says',
  message: 'A link to this site that leads to another one makes phishing credible, and can carry off tokens that stand in the address.',
  references: cheatSheet('Unvalidated_Redirects_and_Forwards'),
};

export const csrfOff: Weakness = {
  cwe: 'CWE-352',
  owasp: 'A01',
  title: 'Protection against forged requests switched off',
  message: 'Any page that a logged-in user opens can send this form in their name, with their cookies.',
  references: cheatSheet('Cross-Site_Request_Forgery_Prevention'),
};

export const predictableTempFile: Weakness = {
  cwe: 'CWE-377',
  owasp: 'A01',
  title: 'Temporary file with a predictable name',
  message:
    'Another user of the machine can create the file, or a link of its name, first: and then reads what is written, or chooses what is overwritten.',
  references: ['https://owasp.org/www-community/vulnerabilities/Insecure_Temporary_File'],
};

export const openPermissions: Weakness = {
  cwe: 'CWE-732',
  owasp: 'A01',
  title: 'File that every user may change',
  message: 'Any account on the machine, that of a compromised service too, can replace the content, and this program trusts it.',
  references: ['https://owasp.org/Top10/A01_2021-Broken_Access_Control/'],
};

export const ssrf: Weakness = {
  cwe: 'CWE-918',
  owasp: 'A10',
  title: 'Request to an address that the caller chose',
  message:
    'The server fetches what the caller names, from inside the network: cloud metadata with credentials, admin interfaces, databases that trust their network.',
  references: cheatSheet('Server_Side_Request_Forgery_Prevention'),
};

export const weakHash: Weakness = {
  cwe: 'CWE-328',
  owasp: 'A02',
  title: 'Broken hash function',
  message:
    'Two inputs with the same MD5 or SHA-1 can be made on a laptop. A signature, a checksum of a download or a cache key that relies on it can be forged.',
  references: cheatSheet('Cryptographic_Storage'),
};

export const weakPasswordHash: Weakness = {
  cwe: 'CWE-916',
  owasp: 'A02',
  title: 'Password hashed by a fast function',
  message: 'A graphics card tries billions of such hashes a second. Once the table leaks, most passwords are known the same day.',
  references: cheatSheet('Password_Storage'),
};

export const weakCipher: Weakness = {
  cwe: 'CWE-327',
  owasp: 'A02',
  title: 'Broken cipher or mode',
  message:
    'DES and RC4 can be broken with today’s machines, and ECB shows equal blocks as equal: the text can be recovered, or changed unnoticed.',
  references: cheatSheet('Cryptographic_Storage'),
};

export const insecureRandom: Weakness = {
  cwe: 'CWE-338',
  owasp: 'A02',
  title: 'Secret made from predictable random numbers',
  message:
    'This generator’s state can be computed from a few of its outputs. Whoever has seen some tokens knows the next ones, and those of others.',
  references: cheatSheet('Cryptographic_Storage'),
};

export const hardcodedKey: Weakness = {
  cwe: 'CWE-321',
  owasp: 'A02',
  title: 'Cryptographic key in the source',
  message:
    'Everybody who can read the code, its history or its image can sign sessions and read what is encrypted; and changing the key takes a release.',
  references: cheatSheet('Key_Management'),
};

export const unverifiedToken: Weakness = {
  cwe: 'CWE-347',
  owasp: 'A02',
  title: 'Token accepted without its signature',
  message: 'Without a checked signature anyone can write a token with any user and any role in it.',
  references: cheatSheet('JSON_Web_Token_for_Java'),
};

export const oldTls: Weakness = {
  cwe: 'CWE-326',
  owasp: 'A02',
  title: 'Outdated TLS version allowed',
  message:
    'SSL 3, TLS 1.0 and 1.1 have known breaks and are withdrawn (RFC 8996). An attacker on the way can make both sides agree on them.',
  references: ['https://www.rfc-editor.org/rfc/rfc8996'],
};

export const tlsVerificationOff: Weakness = {
  cwe: 'CWE-295',
  owasp: 'A07',
  title: 'Certificate or host key not checked',
  message:
    'Whoever stands between the two machines can answer in the other’s place, and then reads and changes everything that is sent, passwords too.',
  references: cheatSheet('Transport_Layer_Security'),
};

export const anyOriginMessage: Weakness = {
  cwe: 'CWE-346',
  owasp: 'A07',
  title: 'Message sent to a window of any origin',
  message: 'If the other window has been led to another site meanwhile, that site receives the message.',
  references: cheatSheet('HTML5_Security'),
};

export const unsafeDeserialization: Weakness = {
  cwe: 'CWE-502',
  owasp: 'A08',
  title: 'Objects restored from untrusted data',
  message:
    'The format can name classes and functions to call while it is read. Data from outside thereby runs code before the program has looked at the result.',
  references: cheatSheet('Deserialization'),
};

export const prototypePollution: Weakness = {
  cwe: 'CWE-1321',
  owasp: 'A08',
  title: 'Property name from a request',
  message:
    'A key such as __proto__ or constructor changes all objects of the process: checks such as user.isAdmin turn true, or options of other libraries change.',
  references: cheatSheet('Prototype_Pollution_Prevention'),
};

export const massAssignment: Weakness = {
  cwe: 'CWE-915',
  owasp: 'A08',
  title: 'Record filled from a whole request body',
  message: 'The caller sets each field that the record has, also those that the form does not show: role, owner, balance, verified.',
  references: cheatSheet('Mass_Assignment'),
};

export const unsafeReflection: Weakness = {
  cwe: 'CWE-470',
  owasp: 'A03',
  title: 'Class, module or method chosen by a request',
  message: 'The caller picks what is loaded or called, also what was never meant for them.',
  references: ['https://owasp.org/www-community/vulnerabilities/Unsafe_use_of_Reflection'],
};

export const xxe: Weakness = {
  cwe: 'CWE-611',
  owasp: 'A05',
  title: 'XML parser that resolves external entities',
  message: 'A document can then name files of this machine and addresses of its network, and gets their content; or expands to gigabytes.',
  references: cheatSheet('XML_External_Entity_Prevention'),
};

export const corsWithCredentials: Weakness = {
  cwe: 'CWE-942',
  owasp: 'A05',
  title: 'Any site may call with the user’s credentials',
  message: 'Every page that a logged-in user opens can read the answers of this service in their name.',
  references: ['https://developer.mozilla.org/docs/Web/HTTP/Guides/CORS'],
};

export const cookieFlags: Weakness = {
  cwe: 'CWE-614',
  owasp: 'A05',
  title: 'Cookie without its protection',
  message:
    'Without Secure the cookie also travels unencrypted; without HttpOnly any script in the page can read it. Either way a session can be taken over.',
  references: cheatSheet('Session_Management'),
};

export const debugMode: Weakness = {
  cwe: 'CWE-489',
  owasp: 'A05',
  title: 'Debugging left on',
  message: 'Error pages and profiling endpoints show code, memory and settings to everyone, and some consoles run code.',
  references: ['https://owasp.org/Top10/A05_2021-Security_Misconfiguration/'],
};

export const bindAll: Weakness = {
  cwe: 'CWE-1327',
  owasp: 'A05',
  title: 'Server listens on every network interface',
  message: 'The service can be reached from every network that the machine is in, which is often more than was meant.',
  references: ['https://owasp.org/Top10/A05_2021-Security_Misconfiguration/'],
};

export const unsafeShell: Weakness = {
  cwe: 'CWE-1188',
  owasp: 'A05',
  title: 'Web content with the rights of the desktop',
  message:
    'Script in a page that this window shows can use Node.js or escape the same-origin policy: one cross-site script becomes a program on the user’s machine.',
  references: ['https://www.electronjs.org/docs/latest/tutorial/security'],
};

export const errorExposure: Weakness = {
  cwe: 'CWE-209',
  owasp: 'A04',
  title: 'Internal error shown to the caller',
  message: 'Stack traces and messages of libraries tell versions, paths and queries: what an attacker needs to choose the next step.',
  references: cheatSheet('Error_Handling'),
};

export const logInjection: Weakness = {
  cwe: 'CWE-117',
  owasp: 'A09',
  title: 'Request data written to the log as it is',
  message:
    'A line break in the value forges further log lines, which hides an attack or blames another; a viewer that shows HTML may run script in it.',
  references: cheatSheet('Logging'),
};
