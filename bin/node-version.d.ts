export const NEEDED: readonly [major: number, minor: number]
export function isNewEnough(version: string): boolean
export function packagedNode(): string | undefined
