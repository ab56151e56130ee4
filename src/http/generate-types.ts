/** openapi.yaml → TypeScript types, by openapi-typescript. */
import openapiTS, { astToString } from 'openapi-typescript'
import { OPENAPI_FILE } from './openapi-document.ts'

const HEADER = '/** Generated from openapi.yaml by `npm run openapi`; do not edit. */\n'

/** The text of `openapi.d.ts`. */
export async function renderTypes(): Promise<string> {
  return HEADER + astToString(await openapiTS(OPENAPI_FILE))
}
