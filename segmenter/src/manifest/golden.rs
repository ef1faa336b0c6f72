//! Golden files of the renderings, and what makes JSON readable and checkable in tests.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Compares `text` with `golden/{name}`; `UPDATE_GOLDEN=1` writes it there instead.
pub(super) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manifest/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{name} differs; UPDATE_GOLDEN=1 rewrites it\n--- now\n{text}\n--- golden\n{golden}"
    );
}

/// Indented JSON with arrays of numbers on one line.
pub(super) fn readable(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out + "\n"
}

fn write(value: &Value, depth: usize, out: &mut String) {
    let (pad, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (name, field)) in fields.iter().enumerate() {
                *out += if index == 0 { "{\n" } else { ",\n" };
                *out += &format!("{pad}{}: ", Value::from(name.as_str()));
                write(field, depth + 1, out);
            }
            *out += &format!("\n{end}}}");
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                *out += if index == 0 { "[\n" } else { ",\n" };
                *out += &pad;
                write(item, depth + 1, out);
            }
            *out += &format!("\n{end}]");
        }
        flat => *out += &flat.to_string(),
    }
}

/// Checks `value` against the part of JSON Schema that our schemas use, and refuses a schema that uses more.
pub(super) fn satisfies(schema: &Value, value: &Value) -> Result<(), String> {
    at(schema, schema, value, "")
}

fn at(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Ok(()) };
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let fault = |rule: &str| Err(format!("{place}: {value} breaks {rule}"));
    for (rule, says) in rules {
        match rule.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => {}
            "$ref" => {
                let target = says.as_str().and_then(|s| root.pointer(s.trim_start_matches('#')));
                at(root, target.expect("the schema refers to itself"), value, place)?;
            }
            "type" if !has_type(says, value) => return fault("type"),
            "const" if says != value => return fault("const"),
            "enum" if !says.as_array().unwrap().contains(value) => return fault("enum"),
            "minimum" if value.as_f64().is_some_and(|v| v < says.as_f64().unwrap()) => {
                return fault("minimum");
            }
            "maximum" if value.as_f64().is_some_and(|v| v > says.as_f64().unwrap()) => {
                return fault("maximum");
            }
            "minItems" if (items.len() as u64) < says.as_u64().unwrap() => return fault("minItems"),
            "maxItems" if (items.len() as u64) > says.as_u64().unwrap() => return fault("maxItems"),
            "type" | "const" | "enum" | "minimum" | "maximum" | "minItems" | "maxItems" => {}
            "required" => {
                let names = says.as_array().unwrap();
                if let Some(name) = names.iter().find(|name| value.get(name.as_str().unwrap()).is_none()) {
                    return fault(&format!("required {name}"));
                }
            }
            "properties" => {
                for (name, rule) in says.as_object().unwrap() {
                    if let Some(field) = value.get(name) {
                        at(root, rule, field, &format!("{place}/{name}"))?;
                    }
                }
            }
            "items" => {
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(n, item)| at(root, says, item, &format!("{place}/{n}")))?;
            }
            "prefixItems" => {
                let mut rules = says.as_array().unwrap().iter().zip(items).enumerate();
                rules.try_for_each(|(n, (rule, item))| at(root, rule, item, &format!("{place}/{n}")))?;
            }
            "oneOf" | "anyOf" => {
                if !says.as_array().unwrap().iter().any(|rule| at(root, rule, value, place).is_ok()) {
                    return fault(rule);
                }
            }
            unknown => panic!("this check does not know the rule {unknown}"),
        }
    }
    Ok(())
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("there is no type {unknown}"),
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}
