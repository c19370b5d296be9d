// What is listed somewhere must be true: error codes are provoked, generated pages are fresh, the README's commands run.

import type { Project } from './project.js'

/** Codes that no test names. */
export function unprovokedCodes(project: Project, codes: readonly string[]): string[] {
  const tests = project
    .paths('test', '.ts', '.txt')
    .filter((path) => !path.startsWith('test/tidy'))
    .map((path) => project.text(path))
    .join('\n')
  return codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(tests))
}

/**
 * What differs between a list of known gaps and the gaps there are: a new gap is a complaint, and so is an entry whose
 * gap is closed, so the list can only shrink.
 */
export function gapComplaints(
  gaps: readonly string[],
  known: readonly string[],
  advice: string,
): string[] {
  return [
    ...gaps.filter((gap) => !known.includes(gap)).map((gap) => `${gap}: ${advice}`),
    ...known
      .filter((gap) => !gaps.includes(gap))
      .map((gap) => `${gap} is fine now: remove it from test/tidy/known-gaps.ts`),
  ]
}

/** Generated pages that are missing, stale or left over. */
export function staleDocComplaints(
  project: Project,
  generated: ReadonlyMap<string, string>,
): string[] {
  const complaints: string[] = []
  for (const [path, text] of generated) {
    if (!project.files.has(path)) complaints.push(`${path} is missing: npm run docs`)
    else if (project.text(path) !== text) complaints.push(`${path} is stale: npm run docs`)
  }
  for (const path of project.paths('docs/formats', '.md')) {
    if (!generated.has(path)) complaints.push(`${path} describes no format any more: delete it`)
  }
  return complaints
}

/** A public name has a comment that says what it is. */
export function undescribedNames(apiPage: string): string[] {
  return [...apiPage.matchAll(/^\| \[?`(\w+)`.* \| (?:\w+|type `[^`]*`) \|$/gm)].map(
    ([, name]) => name!,
  )
}

/** A file named after a format starts with the specification of its bytes. */
export function formatHeadComplaints(
  project: Project,
  generated: ReadonlyMap<string, string>,
): string[] {
  const described = [...generated.values()].join('\n')
  return project
    .paths('src', '/format.ts', '-format.ts')
    .filter((path) => !described.includes(`\`${path}\``))
    .map((path) => `${path}: its head needs a 'Valid:' and a 'Compat:' part to be a specification`)
}

/** The README marks two commands, `# 1` and `# 2`; CI runs the second. */
export function commandComplaints(project: Project): string[] {
  const marked = [...project.text('README.md').matchAll(/^([^#`\n].*?)\s*# ([12])$/gm)]
  const [demo, test] = ['1', '2'].map((mark) => marked.filter((match) => match[2] === mark))
  const complaints: string[] = []
  if (marked.length !== 2 || demo!.length !== 1 || test!.length !== 1) {
    complaints.push(`README.md marks ${marked.length} commands, it needs one '# 1' and one '# 2'`)
  } else if (!project.text('.ci/run').includes(test![0]![1]!)) {
    complaints.push(`.ci/run does not run the README's test command: ${test![0]![1]}`)
  }
  return complaints
}
