/**
 * Places in a film as people write them.
 *
 * @module
 */

/** `1:02:03`, `4:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Seconds of `90`, `90s`, `1m30s`, `1h2m`, `1:30`; `null` for what is none of these. */
export function place(text: string | null): number | null {
  if (text === null) return null;
  const units = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text);
  if (units && text !== "") {
    const [h, m, s] = [units[1], units[2], units[3]].map((part) => Number(part ?? 0)) as [
      number,
      number,
      number,
    ];
    return h * 3600 + m * 60 + s;
  }
  if (!/^\d+(:\d{1,2}){1,2}$/.test(text)) return null;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** `1h2m3s`, as `place` reads it. */
export function placeText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 3600), "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const said = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n}${unit}`);
  return said.join("") || "0s";
}
