// W8: opening a database that is there and the first read, in a process that has done nothing else. Imports nothing that the
// engine itself needs before its clock starts.
import { residentMib } from '../../machine.mjs'
import { rounded } from '../../numbers.mjs'

export async function run({ open, path, modules, importAdapter, probe, bufferBytes }) {
  const beforeMib = residentMib()
  const start = performance.now()
  for (const name of modules) await import(name)
  const importMs = performance.now() - start
  await importAdapter()
  const opening = performance.now()
  const db = await open(path, { bufferBytes })
  const openMs = performance.now() - opening
  const row = await db.get(probe.tenant, probe.id)
  const readMs = performance.now() - opening - openMs
  if (row?.id !== probe.id) throw new Error('the first row is not there')
  return {
    importMs: rounded(importMs),
    openMs: rounded(openMs),
    firstReadMs: rounded(readMs),
    openAndReadMs: rounded(openMs + readMs),
    beforeMib,
    rssMib: residentMib(),
  }
}
