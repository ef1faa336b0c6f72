//! What the description says of every route alike: how one shows who one is, what a refusal looks like, that bodies are bytes.

use utoipa::Modify;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, RefOr, ResponseBuilder, SecurityRequirement};

/// Adds it.
pub(super) struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token of the gateway, where it wants one. Browsers may say it as `?token=` where they read.",
        ));
        let said = ApiKeyValue::new("signature");
        let schemes = [
            ("token", SecurityScheme::Http(bearer.build())),
            ("signed", SecurityScheme::ApiKey(ApiKey::Query(said))),
        ];
        if let Some(components) = document.components.as_mut() {
            components
                .security_schemes
                .extend(schemes.map(|(name, scheme)| (name.to_owned(), RefOr::T(scheme))));
        }
        let none: [&str; 0] = [];
        // Whoever runs the gateway decides; without tokens nothing is wanted.
        let ways = ["token", "signed"].map(|name| SecurityRequirement::new(name, none));
        document.security = Some([SecurityRequirement::default()].into_iter().chain(ways).collect());
        document.paths.paths.values_mut().flat_map(operations).for_each(describe);
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, head, patch, .. } = path;
    [get, put, post, delete, head, patch].into_iter().flatten()
}

fn describe(operation: &mut Operation) {
    let problem = ContentBuilder::new().schema(Some(problem())).build();
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && let Some(content) = response.content.get_mut("application/problem+json")
        {
            *content = RefOr::T(problem.clone());
        }
    }
    let refused =
        ResponseBuilder::new().description("Any other refusal").content("application/problem+json", problem);
    operation.responses.responses.insert("default".to_owned(), RefOr::T(refused.build()));
    if let Some(RefOr::T(body)) = operation.request_body.as_mut() {
        let films = body.content.iter_mut().filter(|(kind, _)| kind.ends_with("octet-stream"));
        for (_, content) in films {
            let bytes = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
            let schema = Some(RefOr::T(Schema::Object(bytes.build())));
            *content = RefOr::T(ContentBuilder::new().schema(schema).build());
        }
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "tus-resumable"
        {
            parameter.schema = Some(text(&["1.0.0"]));
        }
    }
}

/// RFC 9457, with a code that stays; numbers stand beside it.
fn problem() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let object = ["type", "title", "code"]
        .into_iter()
        .fold(ObjectBuilder::new(), |object, name| object.property(name, text()).required(name));
    let number = ObjectBuilder::new().schema_type(Type::Integer).build();
    RefOr::T(Schema::Object(
        object.property("status", number).required("status").property("detail", text()).build(),
    ))
}

/// One of these words.
pub(super) fn text(words: &[&str]) -> RefOr<Schema> {
    let words = words.iter().map(|word| (*word).to_owned());
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()))
}

/// A state of media, as lists are asked for it.
pub(super) fn state() -> RefOr<Schema> {
    text(&["receiving", "playable", "ready", "failed", "expired", "offered"])
}

/// A type of media.
pub(super) fn kind() -> RefOr<Schema> {
    text(&["movie", "tv"])
}
