using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Inference.Sessions;

/// <summary>
/// Memory of one model input or output, kept from run to run: a pinned array that only grows, so that a run
/// allocates nothing but the small native handle that says "this address, this shape".
/// </summary>
internal sealed class TensorBuffer<T>
    where T : unmanaged
{
    private static readonly TensorElementType ElementType =
        typeof(T) == typeof(float) ? TensorElementType.Float
        : typeof(T) == typeof(long) ? TensorElementType.Int64
        : typeof(T) == typeof(bool) ? TensorElementType.Bool
        : throw new NotSupportedException(typeof(T).Name);

    private T[] _memory = [];

    /// <summary>The first <paramref name="length"/> elements; what they held before is still there.</summary>
    public Span<T> Take(int length)
    {
        if (_memory.Length < length)
        {
            _memory = GC.AllocateUninitializedArray<T>(Math.Max(length, _memory.Length * 2), pinned: true);
        }

        return _memory.AsSpan(0, length);
    }

    /// <summary>The tensor over what <see cref="Take"/> gave; valid until the next <see cref="Take"/> that grows.</summary>
    public unsafe OrtValue Tensor(long[] shape)
    {
        var length = 1L;
        foreach (var side in shape)
        {
            length = checked(length * side);
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _memory.Length);
        // The array lives on the pinned heap and this object keeps it: its address outlives the run.
        fixed (T* address = _memory)
        {
            return OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, ElementType, shape, (nint)address, length * sizeof(T));
        }
    }
}
