/** The shape of an SQL statement, or of a part that is put behind one. */
export const sqlText =
  /\b(?:select\b[\s\S]*\bfrom|insert\s+into|update\b[\s\S]*\bset|delete\s+from|(?:drop|alter|create|truncate)\s+(?:table|view|database|user|role|index|schema)|union\s+(?:all\s+)?select|grant\s+\w+\s+on|where\s+\S+\s*(?:=|<|>|like\b|in\b))\b|\b(?:select\b[\s\S]*\bfrom|where)\s/i;
