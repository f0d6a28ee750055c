# What the service answers as it stands in a file.
vecmill_embed(server server/openapi_schemas.json openapi_schemas)
vecmill_embed(server server/openapi_parts.json openapi_parts)
