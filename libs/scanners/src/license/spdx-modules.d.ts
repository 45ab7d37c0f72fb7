declare module 'spdx-expression-parse' {
  export type SpdxNode = SpdxLeaf | SpdxPair;
  export interface SpdxLeaf {
    readonly license: string;
    readonly plus?: true;
    readonly exception?: string;
  }
  export interface SpdxPair {
    readonly left: SpdxNode;
    readonly conjunction: 'and' | 'or';
    readonly right: SpdxNode;
  }
  /** @throws when the text is no SPDX expression */
  export default function parse(expression: string): SpdxNode;
}

declare module 'spdx-correct' {
  /** The SPDX identifier that a text most likely means; null when none is near. */
  export default function correct(text: string, options?: { readonly upgrade?: boolean }): string | null;
}
