#!/usr/bin/env node
// The `picket` command. The code it runs is compiled; this file exists so that npm can link the
// command before the first build, and so that a missing build is said in plain words.
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
if (!existsSync(main)) {
  process.stderr.write(
    'picket: not built yet. Run `npm start` or `npm run build` in the checkout first.\n',
  )
  process.exit(2)
}
// The demo's fleet is a workspace of its own, which an installation need not have.
const demo = fileURLToPath(new URL('../../simulator/dist/main.js', import.meta.url))
if (process.env.PICKET_DEMO_PROGRAM === undefined && existsSync(demo)) {
  process.env.PICKET_DEMO_PROGRAM = demo
}
await import(pathToFileURL(main).href)
