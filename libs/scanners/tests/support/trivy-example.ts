import type { SourceFiles } from './external-tools.ts';
import type { StoredVulnerability } from './trivy-cache.ts';

const github = (ecosystem: string) => ({
  ID: 'ghsa',
  Name: `GitHub Security Advisory ${ecosystem}`,
  URL: `https://github.com/advisories?query=type%3Areviewed+ecosystem%3A${ecosystem}`,
});

/** Made up, and so are the packages: one vulnerability for each way in which Trivy rates one. */
export const exampleVulnerabilities: readonly StoredVulnerability[] = [
  {
    id: 'CVE-2026-10001',
    ecosystem: 'npm',
    source: github('npm'),
    packageName: 'example-parser',
    advisory: { VulnerableVersions: ['<1.4.2', '>=2.0.0, <2.0.1'], PatchedVersions: ['2.0.1', '1.4.2'] },
    details: {
      Title: 'example-parser: deep input overflows the stack',
      Description: 'A document with ten thousand nested lists ends the process.',
      CweIDs: ['CWE-674', 'CWE-400'],
      VendorSeverity: { ghsa: 3, nvd: 4 },
      CVSS: {
        ghsa: { V3Vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H', V3Score: 7.5 },
        nvd: { V3Vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', V3Score: 9.8 },
      },
      References: ['https://example.org/advisories/1', 'ftp://example.org/advisories/1'],
      PublishedDate: '2026-02-03T04:05:06Z',
    },
  },
  {
    id: 'GHSA-aaaa-bbbb-cccc',
    ecosystem: 'npm',
    source: github('npm'),
    packageName: 'example-runner',
    advisory: { VulnerableVersions: ['<=9.9.9'], PatchedVersions: [] },
    details: {
      Description: 'Names of tests reach the shell.',
      VendorSeverity: { ghsa: 2 },
      CVSS: { ghsa: { V40Vector: 'CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:P/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N', V40Score: 4.8 } },
    },
  },
  {
    id: 'CVE-2026-10002',
    ecosystem: 'go',
    source: github('go'),
    packageName: 'example.org/codec',
    advisory: { VulnerableVersions: ['<1.2.4'], PatchedVersions: ['1.2.4'] },
    details: { Title: 'Panic on an empty frame' },
  },
];

export const exampleSource: SourceFiles = {
  'web/package-lock.json': `{
  "name": "example",
  "version": "1.0.0",
  "lockfileVersion": 3,
  "packages": {
    "": {
      "name": "example",
      "version": "1.0.0",
      "dependencies": {
        "example-parser": "1.3.0"
      },
      "devDependencies": {
        "example-runner": "5.0.0"
      }
    },
    "node_modules/example-parser": {
      "version": "1.3.0",
      "license": "MIT"
    },
    "node_modules/example-runner": {
      "version": "5.0.0",
      "dev": true
    }
  }
}
`,
  'go.mod': 'module example.org/service\n\ngo 1.22\n\nrequire example.org/codec v1.2.3 // indirect\n',
  'README.md': '# Example\n',
};
