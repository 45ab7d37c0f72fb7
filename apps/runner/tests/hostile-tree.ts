/** Texts in which a scanner of each type finds something. */
export const telling = {
  secret: `GITHUB_TOKEN=ghp_${'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zTfWkM'}\n`,
  code: `const { exec } = require('child_process');\napp.get('/', (req, res) => exec('ls ' + req.query.dir));\n`,
  requirements: 'left-behind==1.0.0\n',
} as const;

/** A file that every kind of scan has a word on, so that a scan that finds nothing is seen to have failed. */
export const ordinaryFiles: Readonly<Record<string, string>> = {
  'deploy.env': telling.secret,
  'src/server.js': telling.code,
  'src/copyleft.js': '// SPDX-License-Identifier: GPL-3.0-only\n',
  'requirements.txt': telling.requirements,
};

/** Files that ask those who read them to read files elsewhere. */
export function misleadingFiles(outside: string): Readonly<Record<string, string>> {
  const far = '../../outside';
  return {
    'include/requirements.txt': `-r ../${far}/requirements.txt\n-r ${outside}/requirements.txt\n-e ${outside}\n-c ../${far}/requirements.txt\n`,
    'java/pom.xml': `<project><parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version><relativePath>../${far}/pom.xml</relativePath></parent><artifactId>a</artifactId></project>\n`,
    'go/go.mod': `module example.com/m\n\ngo 1.22\n\nrequire example.com/x v1.0.0\n\nreplace example.com/x => ../${far}\n`,
    'node/package.json': JSON.stringify({
      name: 'n',
      version: '1.0.0',
      license: `SEE LICENSE IN ../${far}/LICENSE`,
      workspaces: [`../${far}`],
      dependencies: { x: `file:../${far}` },
    }),
    'node/package-lock.json': JSON.stringify({
      name: 'n',
      lockfileVersion: 3,
      packages: { '': { name: 'n' }, 'node_modules/x': { resolved: `../${far}`, link: true }, [`../${far}`]: { version: '1.0.0' } },
    }),
    'vendor/composer/installed.json': JSON.stringify({
      packages: [
        { name: `../${far}`, version: '1.0.0' },
        { name: outside, version: '1.0.0' },
      ],
    }),
    'vendor/modules.txt': `# ../../${far} v1.0.0\n# ${outside} v1.0.0\n`,
    'specifications/..%2f..%2foutside.gemspec': `s.name = "../../../outside"\ns.version = "1.0.0"\n`,
    '.semgrepignore': `:include ../${far}/deploy.env\n:include ${outside}/deploy.env\n`,
    '.semgrep.yml': `rules:\n- include: ${outside}\n`,
    '.gitleaks.toml': `[extend]\npath = "${outside}/deploy.env"\n`,
    '.gitleaksignore': `${outside}/deploy.env:github-pat:1\n`,
    'trivy.yaml': `cache:\n  dir: ${outside}/cache\nignorefile: ${outside}/deploy.env\noutput: ${outside}/report\n`,
    '.trivyignore.rego': `package trivy\n`,
    'trivy-secret.yaml': `disable-rules: []\n`,
    'scancode-config.yml': `ignored: [${outside}]\n`,
    'node_modules/.bin/semgrep': `#!/bin/sh\n${outside}/hooks/run.sh\n`,
    '.npmrc': `prefix=${outside}\nscript-shell=${outside}/hooks/run.sh\n`,
    'sitecustomize.py': `import os\nos.system("${outside}/hooks/run.sh")\n`,
    'semgrep.py': `import os\nos.system("${outside}/hooks/run.sh")\n`,
  };
}

/** Settings of a repository that name programs to run, each of which Git knows an occasion for. */
export function hostileGitConfig(outside: string): string {
  const program = `${outside}/hooks/run.sh`;
  return [
    `[core]\n\tfsmonitor = ${program}\n\tsshCommand = ${program}\n\thooksPath = ${outside}/hooks\n\tpager = ${program}\n\teditor = ${program}`,
    `\talternateRefsCommand = ${program}\n\tgitProxy = ${program}\n\taskPass = ${program}\n\tbare = false\n\trepositoryformatversion = 0`,
    `[diff]\n\texternal = ${program}\n[diff "x"]\n\ttextconv = ${program}\n\tcommand = ${program}`,
    `[filter "x"]\n\tsmudge = ${program}\n\tclean = ${program}\n\tprocess = ${program}\n\trequired = true`,
    `[filter "lfs"]\n\tsmudge = ${program}\n\tprocess = ${program}`,
    `[credential]\n\thelper = !${program}\n[gpg]\n\tprogram = ${program}\n[uploadpack]\n\tpackObjectsHook = ${program}`,
    `[alias]\n\tls-files = !${program}\n\tstatus = !${program}\n\tlog = !${program}`,
  ].join('\n');
}
