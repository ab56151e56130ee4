export const STRIPPED: string
export function typedSources(): string[]
export function strippedFile(source: string): string | undefined
export function seal(source: string): string
export function readStripped(file: string): string | undefined
export function keepStrippedTypes(): void
