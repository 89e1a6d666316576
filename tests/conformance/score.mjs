// Counts what a run of the suite came to, and holds it against what misses.json says.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const here = path.dirname(new URL(import.meta.url).pathname)

// One row per test that speaks of an HTTP cache: those for browsers and for CDN-Cache-Control do not.
export async function rows (checkout, results) {
  const load = file => import(pathToFileURL(path.join(checkout, file)).href)
  const { determineTestResult, resultTypes } = await load('test-engine/lib/results.mjs')
  const groups = (await load('tests/index.mjs')).default
  const all = groups.flatMap(group => group.tests)
  return all.filter(test => !test.browser_only && !test.cdn_only).map(test => ({
    id: test.id,
    kind: test.kind ?? 'required',
    passes: determineTestResult(groups, test.id, results) === resultTypes.pass,
    found: [results[test.id]].flat().slice(1).join(' ')
  }))
}

export function summary (rows) {
  const part = kind => {
    const of = rows.filter(row => row.kind === kind)
    return `${kind} ${of.filter(row => row.passes).length} of ${of.length}`
  }
  return `${part('required')}, ${part('optimal')}`
}

// What is not as misses.json says: tests that fail without a reason there, and reasons without need.
export function surprises (rows) {
  const misses = JSON.parse(fs.readFileSync(path.join(here, 'misses.json'), 'utf8'))
  const scored = rows.filter(row => row.kind !== 'check')
  const failing = scored.filter(row => !row.passes)
  const unexpected = failing.filter(row => !(row.id in misses)).map(row => `fails: ${row.id} (${row.found})`)
  const healed = Object.keys(misses).filter(id => !failing.some(row => row.id === id))
  return [...unexpected, ...healed.map(id => `passes, but misses.json has a reason: ${id}`)]
}
