import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Proofs run for minutes to hours, by name: see vitest.proof.config.ts. The oracle folder is a package of its own.
    exclude: ['**/node_modules/**', 'test/oracle/**', 'test/**/*.proof.test.ts'],
    // Processes: tests start workers and kill children, and a crash must not take other files along.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
