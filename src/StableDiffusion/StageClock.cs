using System.Diagnostics;

namespace StableDiffusion;

/// <summary>Measures the stages of pictures that are painted together.</summary>
internal sealed class StageClock
{
    /// <summary>What has been measured so far.</summary>
    public StageTimings Timings { get; private set; } = new(default, default, default, default, default);

    public T Load<T>(Func<T> work) => Time(work, (timings, time) => timings with { Loading = timings.Loading + time });

    public void Load(Action work) => Time(
        () =>
        {
            work();
            return true;
        },
        (timings, time) => timings with { Loading = timings.Loading + time });

    public T EncodeTexts<T>(Func<T> work) => Time(work, (timings, time) => timings with { TextEncoding = time });

    public T EncodeImage<T>(Func<T> work) => Time(work, (timings, time) => timings with { ImageEncoding = time });

    public void Denoise(Action work) => Time(
        () =>
        {
            work();
            return true;
        },
        (timings, time) => timings with { Denoising = time });

    public T Decode<T>(Func<T> work) => Time(work, (timings, time) => timings with { Decoding = time });

    private T Time<T>(Func<T> work, Func<StageTimings, TimeSpan, StageTimings> add)
    {
        var start = Stopwatch.GetTimestamp();
        var result = work();
        Timings = add(Timings, Stopwatch.GetElapsedTime(start));
        return result;
    }
}
