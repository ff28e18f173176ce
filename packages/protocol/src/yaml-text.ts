// How YAML is read here, wherever it is: nothing but plain values, no key twice, one document.
import { parseDocument, type Document, type LineCounter } from 'yaml';

/** `errors` of the document say what is wrong with the text. */
export function yamlDocument(text: string, lines?: LineCounter): Document.Parsed {
  return parseDocument(text, { ...(lines && { lineCounter: lines }), uniqueKeys: true, prettyErrors: false, resolveKnownTags: false, logLevel: 'error' });
}

/** Throws on an alias of nothing, and on aliases that multiply. */
export function yamlValue(document: Document): unknown {
  return document.toJS({ maxAliasCount: 100 }) ?? {};
}
