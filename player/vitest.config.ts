import { defineConfig } from "vitest/config";

/** `unit` is pure and takes a second; `browser` drives Chromium against a running gateway (see tests/browser). */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "tests/*.test.ts"] } },
      {
        test: {
          name: "browser",
          // Each is a film that plays: more of them at once than cores, and they stutter.
          maxConcurrency: 3,
          include: ["tests/browser/**/*.test.ts"],
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
