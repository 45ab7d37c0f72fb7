#!/usr/bin/env node
// Plain JavaScript, since the user's Node.js may be older than the one that runs the sources.
import { runCommand } from '../../../tools/bootstrap.js';

await runCommand(['cloudscan', ...process.argv.slice(2)]);
