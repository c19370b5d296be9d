// What the picker's limits cost, by counting: flushes that cover all keys of a tablet evenly are compacted as the picker says,
// tables being no more than their key ranges and lengths. node bench/levels.mjs [--flush 8] [--total 64,220,1000]  (MiB)
// Prints one JSON object per size and limits: bytes written per byte flushed, and the sorted runs that a read meets.
import { parseArgs } from 'node:util'
import { LIMITS, pickCompaction } from '../dist/lsm/picker.js'
import { Version } from '../dist/lsm/version.js'

const { values } = parseArgs({
  options: {
    flush: { type: 'string', default: '8' },
    total: { type: 'string', default: '64,220,1000' },
  },
})
const MIB = 1 << 20
const OUTPUT_BYTES = 32 * MIB
const CANDIDATES = [4, 6, 8, 12].flatMap((level0MaxCount) =>
  [64, 128, 256].map((mib) => ({ ...LIMITS, level0MaxCount, level1MaxBytes: mib * MIB })),
)

function keyAt(place) {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, BigInt(Math.floor(place * 2 ** 52)))
  return key
}

class Tree {
  version = Version.EMPTY
  writtenBytes = 0
  /** By file id: stretches of keys, from 0 to 1, and how many bytes lie in each. */
  #stretches = new Map()
  #fileCount = 0

  constructor(limits) {
    this.limits = limits
  }

  flush(bytes) {
    this.#install([this.#tableOf([{ from: 0, to: 1, bytes }])], 0, [])
    for (;;) {
      const plan = pickCompaction(this.version, this.limits)
      if (plan === undefined) return
      const metas = plan.inputs.map(({ meta }) => meta)
      this.#install(plan.isMove ? metas : this.#merge(metas), plan.outputLevel, plan.inputs)
    }
  }

  get runCount() {
    const [level0, ...others] = this.version.levels
    return level0.length + others.filter((level) => level.length > 0).length
  }

  #tableOf(stretches) {
    const fileId = ++this.#fileCount
    const fileBytes = Math.round(stretches.reduce((sum, { bytes }) => sum + bytes, 0))
    this.#stretches.set(fileId, stretches)
    this.writtenBytes += fileBytes
    return {
      fileId,
      fileBytes,
      maxSeqNum: fileId,
      smallestKey: keyAt(stretches[0].from),
      largestKey: keyAt(stretches.at(-1).to - 1e-12),
    }
  }

  #merge(metas) {
    const all = metas.flatMap(({ fileId }) => this.#stretches.get(fileId))
    const cuts = [...new Set(all.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b)
    const tables = []
    let table = []
    let roomBytes = OUTPUT_BYTES
    for (let i = 0; i + 1 < cuts.length; i++) {
      const to = cuts[i + 1]
      const here = all.filter((one) => one.from <= cuts[i] && one.to >= to)
      const density = here.reduce((sum, one) => sum + one.bytes / (one.to - one.from), 0)
      for (let from = cuts[i]; from < to; ) {
        const isWhole = (to - from) * density < roomBytes + 1
        const end = isWhole ? to : from + roomBytes / density
        table.push({ from, to: end, bytes: (end - from) * density })
        roomBytes -= (end - from) * density
        from = end
        if (isWhole) continue
        tables.push(table)
        table = []
        roomBytes = OUTPUT_BYTES
      }
    }
    if (table.length > 0) tables.push(table)
    return tables.map((stretches) => this.#tableOf(stretches))
  }

  #install(metas, level, inputs) {
    this.version = this.version.apply({
      added: metas.map((meta) => ({ level, meta })),
      removed: inputs.map(({ level: from, meta }) => ({ level: from, fileId: meta.fileId })),
    })
  }
}

for (const totalMiB of values.total.split(',').map(Number)) {
  for (const limits of CANDIDATES) {
    const tree = new Tree(limits)
    const flushCount = Math.round(totalMiB / Number(values.flush))
    let runSum = 0
    for (let i = 0; i < flushCount; i++) {
      tree.flush(Number(values.flush) * MIB)
      runSum += tree.runCount
    }
    console.log(
      JSON.stringify({
        bench: 'levels',
        tabletMiB: totalMiB,
        level0MaxCount: limits.level0MaxCount,
        level1MiB: limits.level1MaxBytes / MIB,
        writtenPerByte: Number((tree.writtenBytes / (totalMiB * MIB)).toFixed(2)),
        meanRuns: Number((runSum / flushCount).toFixed(1)),
      }),
    )
  }
}
