import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Draw } from '../../examples/demo/dist/generator/draw.js'
import { commerceEvent } from '../../examples/demo/dist/generator/event.js'
import { planShop } from '../../examples/demo/dist/generator/shop.js'

const FIXTURE = new URL('../../../shared/fixtures/commerce-event.json', import.meta.url)

it.skipIf(!existsSync(FIXTURE))(
  'generated events have the paths and types of the sample event (skipped without it)',
  () => {
    const sample: unknown = JSON.parse(readFileSync(FIXTURE, 'utf8'))
    const event = commerceEvent(new Draw(1), planShop(1, 0, 100), Date.UTC(2025, 4, 1))
    expect(shapeOf(event)).toEqual(shapeOf(sample))
  },
)

/** 'path: type' of every leaf, sorted. */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => shapeOf(item, `${path}[]`)).toSorted()
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`]
  return Object.entries(value)
    .flatMap(([name, child]) => shapeOf(child, `${path}.${name}`))
    .toSorted()
}
