/** A UUID of any version (RFC 9562) as clients may write it: in any case, and without its hyphens. */
export const uuidPattern = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}";

/** As ids are kept; nearly all come so. */
const kept = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const whole = new RegExp(`^(?:${uuidPattern})$`);

/** The one spelling in which ids are kept and compared, lower case and with hyphens; null for a text that is no id. */
export function uuidOf(text: string): string | null {
  if (kept.test(text)) return text;
  if (!whole.test(text)) return null;
  const digits = text.toLowerCase().replaceAll("-", "");
  return [8, 12, 16, 20, 32].map((end, group, ends) => digits.slice(ends[group - 1] ?? 0, end)).join("-");
}
