using System.Globalization;

namespace StableDiffusion;

/// <summary>The memory that this process may still take.</summary>
internal static class MachineMemory
{
    /// <summary>Memory in use, its limit, and the statistics of what is in use: of control groups of version 2 and 1, as a container sees its own.</summary>
    private static readonly (string Limit, string Used, string Statistics, string Reclaimable)[] _groups =
    [
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file"),
    ];

    /// <summary>Bytes of memory in all.</summary>
    public static long Total => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes that are free, or would be freed for whoever asks; all of the memory where the system does not say.</summary>
    public static long Available => Math.Min(OfMachine() ?? Total, _groups.Select(group => OfGroup(group.Limit, group.Used, group.Statistics, group.Reclaimable)).OfType<long>().Append(long.MaxValue).Min());

    private static long? OfMachine() => Entry("/proc/meminfo", "MemAvailable:") * 1024;

    private static long? OfGroup(string limit, string used, string statistics, string reclaimable) =>
        Number(limit) is { } most && Number(used) is { } now ? Math.Max(most - now + (Entry(statistics, reclaimable) ?? 0), 0) : null;

    private static long? Entry(string path, string key) =>
        Lines(path).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).FirstOrDefault(words => words.Length > 1 && words[0] == key) is { } entry ? Parse(entry[1]) : null;

    private static long? Number(string path) => Lines(path).Select(Parse).FirstOrDefault();

    private static long? Parse(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
