// Runs the public HTTP cache test suite through one door of a running cache. See ../README.md.
//
//   CACHE_TESTS=<checkout> node run.mjs forward|mirror <port of the cache> <port for the origin> [results.json]
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { relay } from './relay.mjs'
import { rows, summary, surprises } from './score.mjs'

const LIMIT_MS = 540_000
const loopback = new URL('loopback.mjs', import.meta.url).href
const [door, cachePort, originPort, output] = process.argv.slice(2)
const checkout = process.env.CACHE_TESTS

function listens (port) {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('connect', () => { socket.destroy(); resolve(true) }).on('error', () => resolve(false))
  })
}

async function untilListening (port) {
  const deadline = Date.now() + 30_000
  while (!await listens(port)) {
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function node (script, environment, stdio) {
  const plain = { PATH: process.env.PATH, HOME: process.env.HOME }
  return spawn(process.execPath, ['--no-warnings', '--import', loopback, script], { cwd: checkout, env: { ...plain, ...environment }, stdio })
}

function origin (directory) {
  const environment = {
    npm_config_protocol: 'http',
    npm_config_port: originPort,
    npm_config_pidfile: path.join(directory, 'origin.pid')
  }
  return node('test-engine/server/server.mjs', environment, 'ignore')
}

async function results (base) {
  const client = node('test-engine/cli.mjs', { npm_config_base: base, npm_config_id: '', npm_package_config_id: '' }, ['ignore', 'pipe', 'inherit'])
  const timer = setTimeout(() => client.kill(), LIMIT_MS)
  let text = ''
  for await (const chunk of client.stdout) text += chunk
  clearTimeout(timer)
  return JSON.parse(text)
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'conformance-'))
const server = origin(directory)
let relayed
try {
  await untilListening(originPort)
  relayed = door === 'forward' ? await relay(cachePort, `127.0.0.1:${originPort}`) : undefined
  const base = relayed ? `http://127.0.0.1:${relayed.port}` : `http://127.0.0.1:${cachePort}/mirror/suite`
  const found = await results(base)
  if (output) fs.writeFileSync(output, JSON.stringify(found, null, 1))
  const scored = await rows(checkout, found)
  console.log(`${door}: ${summary(scored)}`)
  const unexplained = surprises(scored)
  for (const line of unexplained) console.log(`  ${line}`)
  process.exitCode = unexplained.length === 0 ? 0 : 1
} finally {
  server.kill()
  relayed?.close()
  fs.rmSync(directory, { recursive: true })
}
process.exit()
