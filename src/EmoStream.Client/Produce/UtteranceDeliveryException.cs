namespace EmoStream.Client.Produce;

/// <summary>Kafka did not acknowledge an event. Nothing says that it was not written: produce it again, the timeline drops duplicates.</summary>
public sealed class UtteranceDeliveryException : Exception
{
    internal UtteranceDeliveryException(ErrorCode code, string reason, Exception? inner = null)
        : base($"Kafka did not take the utterance event ({code}): {reason}", inner)
    {
        Code = code;
    }

    /// <summary>Kafka's or librdkafka's own error code.</summary>
    public ErrorCode Code { get; }

    /// <summary>Whether the event itself is the reason (too large), so that trying again cannot help.</summary>
    public bool IsPermanent => Code is ErrorCode.MsgSizeTooLarge or ErrorCode.InvalidMsg;
}
