// Rows as msgpackr records: the names of fields are written once beside the database, not with each row.
import { readFileSync, writeFileSync } from 'node:fs'
import { Packr } from 'msgpackr'

export function openRecords(path) {
  const structuresPath = `${path}.structures.json`
  return new Packr({
    getStructures() {
      try {
        return JSON.parse(readFileSync(structuresPath, 'utf8'))
      } catch {
        return []
      }
    },
    saveStructures: (structures) => writeFileSync(structuresPath, JSON.stringify(structures)),
  })
}
