// The rules of the house, as tests: where files stand, what they may import, how long they are, what they are called, and
// that everything listed is true. The rules themselves are tested in test/tidy/rules.test.ts.

import { describe, expect, it } from 'vitest'

import { ERROR_TABLE } from '../dist/base/error-table.js'
import { generateDocs } from '../scripts/generate-docs.mjs'
import {
  commandComplaints,
  formatHeadComplaints,
  gapComplaints,
  staleDocComplaints,
  undescribedNames,
  unprovokedCodes,
} from './tidy/catalogue.js'
import { ABSENT_ENTRIES, UNPROVOKED_CODES, UNUSED_DEPENDENCIES } from './tidy/known-gaps.js'
import { cycleComplaints, deadFileComplaints, floorComplaints } from './tidy/layering.js'
import {
  fileNameComplaints,
  machinePathComplaints,
  outsideWorldComplaints,
  sizeComplaints,
  typeNameComplaints,
  wordComplaints,
} from './tidy/naming.js'
import {
  absentEntries,
  dependencyComplaints,
  entryFiles,
  exampleComplaints,
  exportsMapComplaints,
  unusedDependencies,
} from './tidy/packaging.js'
import { readProject } from './tidy/project.js'

const project = readProject()
const generated = await generateDocs()

function expectNone(complaints: readonly string[]): void {
  if (complaints.length > 0) expect.fail(complaints.join('\n'))
}

describe('house', () => {
  it('imports go down a floor, or left on the same one', () => {
    expectNone(floorComplaints(project))
  })

  it('no import cycles', () => {
    expectNone(cycleComplaints(project))
  })

  it('no dead files', ({ skip }) => {
    const absent = absentEntries(project)
    skip(absent.length > 0, `nothing to start from: ${absent.join(', ')} not written yet`)
    expectNone(deadFileComplaints(project, entryFiles(project)))
  })
})

describe('names and sizes', () => {
  it('files have at most 500 lines', () => {
    expectNone(sizeComplaints(project))
  })

  it('files are named after one noun', () => {
    expectNone(fileNameComplaints(project))
  })

  it('identifiers speak the glossary', () => {
    expectNone(wordComplaints(project))
  })

  it('classes and interfaces are nouns', () => {
    expectNone(typeNameComplaints(project))
  })
})

describe('outside world', () => {
  it('time, chance, files and threads come through env/', () => {
    expectNone(outsideWorldComplaints(project))
  })

  it('no file knows the machine it was written on', () => {
    expectNone(machinePathComplaints(project))
  })
})

describe('package', () => {
  it('imports only what it depends on, each at one version', () => {
    expectNone(dependencyComplaints(project))
  })

  it('depends only on what it imports', () => {
    const advice = 'imported by nothing in src/; remove the dependency'
    expectNone(gapComplaints(unusedDependencies(project), UNUSED_DEPENDENCIES, advice))
  })

  it('exports by name, types first, no wildcard', () => {
    expectNone(exportsMapComplaints(project))
  })

  it('has a source for every entry', () => {
    const advice = 'named by package.json but absent'
    expectNone(gapComplaints(absentEntries(project), ABSENT_ENTRIES, advice))
  })

  it('examples use the public exports', () => {
    expectNone(exampleComplaints(project))
  })
})

describe('documents', () => {
  it('generated pages are fresh: errors, options, public names, formats', () => {
    expectNone(staleDocComplaints(project, generated))
  })

  it('every public name says what it is', () => {
    expectNone(undescribedNames(generated.get('docs/api.md') ?? ''))
  })

  it('every format file starts with its specification', () => {
    expectNone(formatHeadComplaints(project, generated))
  })

  it('every error code is provoked by a test', () => {
    const advice = 'no test provokes this code'
    const codes = unprovokedCodes(project, Object.keys(ERROR_TABLE))
    expectNone(gapComplaints(codes, UNPROVOKED_CODES, advice))
  })

  it('the README marks its two commands and CI runs the second', () => {
    expectNone(commandComplaints(project))
  })
})
