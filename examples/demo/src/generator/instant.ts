/** Unix milliseconds as the text that events carry. */
export const instant = (timeMs: number): string => new Date(timeMs).toISOString()
