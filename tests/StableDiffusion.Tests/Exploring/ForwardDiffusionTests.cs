using System.Text.Json;

namespace StableDiffusion.Tests;

public class ForwardDiffusionTests
{
    /// <summary>
    /// torch 1.13: betas = linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000) ** 2; bars = cumprod(1 - betas); bars ** 0.5 and (1 - bars) ** 0.5,
    /// which diffusers' add_noise multiplies with.
    /// </summary>
    [Theory]
    [InlineData(0, 0.9995748996734619, 0.029155133292078972)]
    [InlineData(100, 0.9456337094306946, 0.325233519077301)]
    [InlineData(500, 0.5256733894348145, 0.8506864905357361)]
    [InlineData(999, 0.06826489418745041, 0.9976672530174255)]
    public void The_shares_of_picture_and_noise_are_those_of_diffusers(int timestep, double alpha, double sigma)
    {
        var process = ForwardDiffusion.Of(SchedulerConfig.Load(Goldens.PathOf("models", "sd1", "scheduler", "scheduler_config.json")));
        var (picture, noise) = process.At(timestep);
        Assert.Equal((float)alpha, picture, 1e-6f);
        Assert.Equal((float)sigma, noise, 1e-6f);
    }

    [Fact]
    public void A_time_step_that_is_none_is_refused()
    {
        var process = ForwardDiffusion.Of(SchedulerConfig.Load(Goldens.PathOf("models", "sd1", "scheduler", "scheduler_config.json")));
        Assert.Throws<RequestException>(() => process.At(1000));
        Assert.Throws<RequestException>(() => process.At(-1));
    }

    /// <summary>diffusers: FlowMatchEulerDiscreteScheduler(shift=3).scale_noise at sigma = shift s / (1 + (shift − 1) s), here s = 1/2: 0.75.</summary>
    [Fact]
    public void Flow_models_mix_along_a_straight_line()
    {
        using var config = JsonDocument.Parse("""{ "_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "num_train_timesteps": 1000 }""");
        var process = ForwardDiffusion.Of(SchedulerConfig.Parse(config.RootElement));
        Assert.Equal((0.25f, 0.75f), process.At(499));
        Assert.Equal(750, process.NetworkTimestep(499));
    }
}
