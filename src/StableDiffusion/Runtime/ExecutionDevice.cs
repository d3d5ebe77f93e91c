using System.Globalization;

namespace StableDiffusion;

/// <summary>Where the networks run: the CPU, a CUDA device, or whichever of the two works.</summary>
public sealed record ExecutionDevice
{
    private ExecutionDevice(string name, int? cudaIndex, bool isAutomatic)
    {
        Name = name;
        CudaIndex = cudaIndex;
        IsAutomatic = isAutomatic;
    }

    /// <summary>A working CUDA device if there is one, otherwise the CPU.</summary>
    public static ExecutionDevice Auto { get; } = new("auto", 0, isAutomatic: true);

    /// <summary>The CPU.</summary>
    public static ExecutionDevice Cpu { get; } = new("cpu", null, isAutomatic: false);

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>, as on the command line.</summary>
    public string Name { get; }

    internal int? CudaIndex { get; }

    internal bool IsAutomatic { get; }

    /// <summary>The CUDA device of this index; it fails, and never falls back, where CUDA does not work.</summary>
    public static ExecutionDevice Cuda(int index = 0) =>
        new(index == 0 ? "cuda" : string.Create(CultureInfo.InvariantCulture, $"cuda:{index}"), index, isAutomatic: false);

    /// <summary>Reads <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public static bool TryParse(string text, out ExecutionDevice device)
    {
        device = Auto;
        switch (text.ToLowerInvariant())
        {
            case "auto":
                return true;
            case "cpu":
                device = Cpu;
                return true;
            case "cuda":
                device = Cuda();
                return true;
            case ['c', 'u', 'd', 'a', ':', .. var index]
                when int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var number):
                device = Cuda(number);
                return true;
            default:
                return false;
        }
    }

    public override string ToString() => Name;
}
