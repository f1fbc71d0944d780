using System.Text.Json;
using System.Text.Json.Serialization;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Contracts;

/// <summary>Source-generated JSON for everything that leaves a process: camelCase, nulls left out, unknown members ignored.</summary>
/// <remarks>
/// The generator passes every init-only member through a constructor, so that one that is absent arrives as null whatever
/// its initialiser says; such members turn null into their default themselves.
/// </remarks>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.Strict,
    PropertyNameCaseInsensitive = false,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(UtteranceEvent))]
[JsonSerializable(typeof(TimelineEntry))]
[JsonSerializable(typeof(SpeakerAggregate))]
[JsonSerializable(typeof(ConversationTimeline))]
[JsonSerializable(typeof(ConversationPage))]
[JsonSerializable(typeof(UtteranceReceipt))]
public sealed partial class ContractsJson : JsonSerializerContext;
