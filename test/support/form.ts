/** Forms (RFC 7578) by hand, so that they can be wrong. */

export interface FormPart {
  readonly name?: string
  readonly filename?: string
  readonly type?: string
  readonly headers?: readonly string[]
  readonly body: string | Uint8Array
}

const BOUNDARY = 'aerie-0123456789abcdef'

export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`

/** The body of a form; `isWhole: false` leaves out the end of the last part. */
export function formBody(parts: readonly FormPart[], { isWhole = true } = {}): Buffer {
  const pieces = parts.flatMap(({ name, filename, type, headers = [], body }) => [
    [
      `--${BOUNDARY}`,
      `content-disposition: form-data${quoted('name', name)}${quoted('filename', filename)}`,
      ...(type === undefined ? [] : [`content-type: ${type}`]),
      ...headers,
      '',
      '',
    ].join('\r\n'),
    body,
    '\r\n',
  ])
  if (isWhole) pieces.push(`--${BOUNDARY}--\r\n`)
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)))
}

function quoted(key: string, value: string | undefined): string {
  return value === undefined ? '' : `; ${key}="${value}"`
}

/** A file of some bytes, for a purpose. */
export function fileForm(
  body: string | Uint8Array,
  { filename = 'a.bin', purpose = 'user_data' } = {},
): FormPart[] {
  return [
    { name: 'purpose', body: purpose },
    { name: 'file', filename, type: 'application/octet-stream', body },
  ]
}
