//! Who asks, and what the server offers.

use super::asked::Asked;
use super::nodes;
use super::resolvers::Call;
use crate::graphql::Resolvers;
use serde_json::{Value, json};

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Query.viewer", |call: Call| async move { Ok(nodes::user(call.context.user_name())) });
    // No feature is switched on: clients then keep to what every server has.
    resolvers.add("Query.serverInfo", |_: Call| async { Ok(json!({ "features": [] })) });
    resolvers.add("Query.organization", |_: Call| async { Ok(Value::Null) });
    resolvers.add("Query.entity", |call: Call| async move {
        Ok(call.text("name").map_or(Value::Null, nodes::entity))
    });
}
