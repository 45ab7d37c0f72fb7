import test from 'ava';
import { gitleaksSeverity, scanCodeCategory, semgrepSeverity, trivySeverity } from './severity.ts';

const unweighed = { impact: '', likelihood: '', confidence: '', securitySeverity: null };
const worst = { ...unweighed, impact: 'HIGH', likelihood: 'HIGH' };
const least = { ...unweighed, impact: 'HIGH', likelihood: 'LOW', confidence: 'LOW' };

test("Semgrep's older levels move by a step as their rule weighs them, its newer ones stay", (t) => {
  t.is(semgrepSeverity('ERROR', worst), 'critical');
  t.is(semgrepSeverity('ERROR', least), 'medium');
  t.is(semgrepSeverity('ERROR', { ...worst, likelihood: 'MEDIUM' }), 'high');
  t.is(semgrepSeverity('INFO', least), 'info');
  t.is(semgrepSeverity('HIGH', worst), 'high');
  t.is(semgrepSeverity('HIGH', least), 'high');
  t.is(semgrepSeverity('INVENTORY', worst), 'info');
});

test('a score comes before the level', (t) => {
  t.is(semgrepSeverity('INFO', { ...worst, securitySeverity: 9.8 }), 'critical');
  t.is(semgrepSeverity('ERROR', { ...worst, securitySeverity: 0 }), 'info');
});

test('what no table knows is neither raised nor hidden, and names of every object are not in them', (t) => {
  t.is(semgrepSeverity('constructor', unweighed), 'medium');
  t.is(trivySeverity('toString', 0), 'medium');
  t.is(trivySeverity('UNKNOWN', 9.1), 'critical');
  t.is(trivySeverity('LOW', 9.1), 'low');
  t.is(gitleaksSeverity('constructor'), 'high');
  t.is(scanCodeCategory('constructor'), 'unknown');
});
