// What is left of rows in files, whoever may read it.

import { SEQ_NUM_MAX } from '../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { KEY_PREFIX_BYTES, readKeyPrefix, tenantHashOf } from '../../dist/codec/tenant-key.js'
import type { FileSystem } from '../../dist/env/file-system.js'
import { readManifest } from '../../dist/lsm/manifest-state.js'
import { BlockCache } from '../../dist/sstable/block-cache.js'
import { tableFileName } from '../../dist/sstable/format.js'
import { TableReader } from '../../dist/sstable/table-reader.js'
import { wholeCursor } from '../unit/sstable/table-kit.js'

/** Every version of a row in the sstables of a database, one text each. */
export function storedVersions(
  fs: FileSystem,
  path: string,
  names: {
    readonly tenants: readonly string[]
    /** By id. */
    readonly tables: ReadonlyMap<number, string>
    /** One letter each. */
    readonly ids: readonly string[]
  },
): string[] {
  const tenants = new Map(names.tenants.map((name) => [tenantHashOf(name), name]))
  const { superblock, tablets } = readManifest(fs, path)
  const { databaseId } = superblock
  const cache = new BlockCache({ capacityBytes: 0 })
  const metas = tablets.flatMap(({ version }) => version.levels.flat())
  // Each file once, and all of it, however many tablets share it.
  const files = new Map(metas.map((meta) => [meta.fileId, meta]))
  return [...files.values()].flatMap((meta) => {
    const options = { databaseId, transform: IDENTITY_TRANSFORM, cache }
    const reader = TableReader.open(fs, `${path}/${tableFileName(meta.fileId)}`, meta, options)
    const found: string[] = []
    const cursor = wholeCursor(reader)
    cursor.seek(new Uint8Array(0), SEQ_NUM_MAX)
    for (; cursor.isValid; cursor.next()) {
      const key = cursor.entry.copyKey()
      const { tenantHash, tableId } = readKeyPrefix(key)
      const name = names.tables.get(tableId)
      if (name === undefined) continue
      const id = names.ids.find((one) => key.includes(one.charCodeAt(0), KEY_PREFIX_BYTES))
      found.push(`${tenants.get(tenantHash)} ${name} ${id} @ ${cursor.entry.seqNum}`)
    }
    cursor.close()
    reader.close()
    return found
  })
}
