import { defineConfig } from 'vitest/config'

// The long proofs: thousands of power cuts, kills and model runs. `npm run proof -- crash` runs those of one folder.
export default defineConfig({
  test: {
    include: ['test/**/*.proof.test.ts'],
    exclude: ['**/node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 4 * 60 * 60_000,
    hookTimeout: 10 * 60_000,
  },
})
