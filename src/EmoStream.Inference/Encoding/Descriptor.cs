using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace EmoStream.Inference.Encoding;

/// <summary>
/// A modality's vector as conversations keep it: float16, little-endian. Every vector is rounded the moment it exists,
/// so that a score never depends on whether its context came from memory or from storage.
/// </summary>
public static class Descriptor
{
    /// <summary>Largest magnitude that float16 holds.</summary>
    internal const float MaxMagnitude = 65_504;

    /// <summary>Bytes of a descriptor of that many dimensions.</summary>
    public static int SizeOf(int dimension) => dimension * sizeof(ushort);

    public static byte[] Pack(ReadOnlySpan<float> values)
    {
        var bytes = new byte[SizeOf(values.Length)];
        // Every platform .NET runs ONNX Runtime on is little-endian.
        TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(bytes.AsSpan()));
        return bytes;
    }

    public static void Unpack(ReadOnlySpan<byte> descriptor, Span<float> values)
        => TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(descriptor), values);
}
