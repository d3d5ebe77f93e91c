using System.Diagnostics;

namespace StableDiffusion;

/// <summary>Measures the stages of pictures that are painted together.</summary>
/// <param name="begun">What was measured before, for all of them.</param>
internal sealed class StageClock(StageTimings begun)
{
    public StageClock()
        : this(new(default, default, default, default, default))
    {
    }

    /// <summary>What has been measured so far. A second pass adds to the first; each picture is decoded by itself.</summary>
    public StageTimings Timings { get; private set; } = begun;

    public T Load<T>(Func<T> work) => Time(work, (timings, time) => timings with { Loading = timings.Loading + time });

    public void Load(Action work) => Time(
        () =>
        {
            work();
            return true;
        },
        (timings, time) => timings with { Loading = timings.Loading + time });

    public T EncodeTexts<T>(Func<T> work) => Time(work, (timings, time) => timings with { TextEncoding = timings.TextEncoding + time });

    public T EncodeImage<T>(Func<T> work) => Time(work, (timings, time) => timings with { ImageEncoding = timings.ImageEncoding + time });

    public void Denoise(Action work) => Time(
        () =>
        {
            work();
            return true;
        },
        (timings, time) => timings with { Denoising = timings.Denoising + time });

    public T Decode<T>(Func<T> work) => Time(work, (timings, time) => timings with { Decoding = time });

    private T Time<T>(Func<T> work, Func<StageTimings, TimeSpan, StageTimings> add)
    {
        var start = Stopwatch.GetTimestamp();
        var result = work();
        Timings = add(Timings, Stopwatch.GetElapsedTime(start));
        return result;
    }
}
