//! Calls the library from Rust: forward, backward, one number. Prints the bits of the results.

use std::os::raw::{c_char, c_int};

extern "C" {
    fn fa_gelu_f32(x: *const f32, y: *mut f32, n: usize);
    fn fa_leaky_relu_backward_f64(grad: *const f64, x: *const f64, dx: *mut f64, n: usize, slope: f64);
    fn fa_mish_scalar_f64(x: f64) -> f64;
    fn fa_activation_by_name(name: *const c_char) -> c_int;
}

fn gelu(x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    unsafe { fa_gelu_f32(x.as_ptr(), y.as_mut_ptr(), x.len()) };
    y
}

fn leaky_relu_backward(grad: &[f64], x: &[f64], slope: f64) -> Vec<f64> {
    assert_eq!(grad.len(), x.len());
    let mut dx = vec![0.0; x.len()];
    unsafe { fa_leaky_relu_backward_f64(grad.as_ptr(), x.as_ptr(), dx.as_mut_ptr(), x.len(), slope) };
    dx
}

fn main() {
    let x: Vec<f64> = (-500..500).map(|i| i as f64 / 64.0).collect();
    let grad: Vec<f64> = x.iter().rev().copied().collect();
    let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
    for y in gelu(&narrow) {
        println!("{:x}", y.to_bits());
    }
    for dx in leaky_relu_backward(&grad, &x, 0.2) {
        println!("{:x}", dx.to_bits());
    }
    for v in x {
        println!("{:x}", unsafe { fa_mish_scalar_f64(v) }.to_bits());
    }
    assert!(unsafe { fa_activation_by_name(b"mish\0".as_ptr().cast()) } >= 0);
}
