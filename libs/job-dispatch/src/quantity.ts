const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Bytes of a Kubernetes memory quantity such as `512Mi` or `1.5G`; null when the text is not one. */
export function parseMemoryQuantity(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(|k|M|G|T|Ki|Mi|Gi|Ti)$/.exec(text);
  return match === null ? null : Math.ceil(Number(match[1]) * units[match[2]!]!);
}

/** Cores of a Kubernetes CPU quantity such as `500m` or `1.5`; null when the text is not one. */
export function parseCpuQuantity(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(m?)$/.exec(text);
  return match === null ? null : Number(match[1]) / (match[2] === 'm' ? 1000 : 1);
}
