/** Of in-page.js, for tests, which know no browser: what lives there is `unknown` here. */
export function transferOf(
  files: readonly { readonly name: string; readonly type: string; readonly base64: string }[],
): unknown
export function pasteFiles(transfer: unknown): void
export function dropFiles(transfer: unknown): void
export function pasteCells(transfer: unknown): boolean
export function isDropKept(drop: {
  readonly selector: string
  readonly dataTransfer: unknown
}): boolean
export function forbidCopying(): void
export function watchWords(): void
export function watchedWords(): readonly string[]
export function clipboardText(): Promise<string>
export function runAxe(more?: readonly string[]): Promise<string[]>
export function overflow(): number
export function pageExcess(): number
export function focused(): string
export function firstPaint(): number | undefined
export function backgroundOf(selector: string): string
export function directionOf(element: unknown): string
export function statusOf(path: string): Promise<number>
export function tryForbidden(): Promise<
  Readonly<Record<'script' | 'style' | 'elsewhere' | 'html', boolean>>
>
export function middlesOf(images: readonly unknown[]): string[]
export function holdWrites(): Promise<void>
export function unwrittenKeys(): readonly string[]
export function watchLongTasks(): void
export function longTasks(): readonly number[]
export function beBusy(path: string): Promise<void>
export function cutOff(): string[]
export function visibleHeight(element: unknown): number
export function motions(): number
export function backgroundsOf(selector: string): string[]
export function outlineOf(element: unknown): string
